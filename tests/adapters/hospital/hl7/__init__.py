"""The HL7 face."""
