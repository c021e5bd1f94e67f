"""Yardsticks that every report shows beside the network."""
