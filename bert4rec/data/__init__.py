"""From a log file to sequences: reading, preparing, describing and splitting interactions."""
