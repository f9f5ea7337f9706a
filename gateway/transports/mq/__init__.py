"""Partners' message queues: one contract, over AMQP 0-9-1, STOMP 1.2 and IBM MQ.

Adapters use what is named here and nothing else of this package.
"""

from gateway.transports.mq.contract import Arrived, MqLink, PutUnknown, Subscription, Take
from gateway.transports.mq.factory import connect, problems
from gateway.transports.mq.settings import AmqpSettings, IbmMqSettings, MqLimits, MqSettings, StompSettings

__all__ = [
    "AmqpSettings",
    "Arrived",
    "IbmMqSettings",
    "MqLimits",
    "MqLink",
    "MqSettings",
    "PutUnknown",
    "StompSettings",
    "Subscription",
    "Take",
    "connect",
    "problems",
]
