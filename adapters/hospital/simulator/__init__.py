"""Hospitals' systems, calling us: one client per language, and the invented persons they treat."""

from adapters.hospital.simulator.soap import Answer, HospitalSimulator

__all__ = ["Answer", "HospitalSimulator"]
