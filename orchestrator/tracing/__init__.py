"""Traces of runs in the form of OpenTelemetry, where they are asked for."""
