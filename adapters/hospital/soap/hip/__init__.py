"""Style `hip`: `HIPMessageServer` of the health-information platforms (WS/T 互联互通), SOAP 1.2."""
