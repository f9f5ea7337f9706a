"""What people do with the gateway, whatever they do it with: the command line and the console stand on this."""
