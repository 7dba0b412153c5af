"""From a LeRobot dataset on disk to a batch: reading, splitting, decoding once, gathering windows."""
