"""AMQP 0-9-1 on Twisted: connections, frames and confirmations, for the bus and for partners' brokers alike."""
