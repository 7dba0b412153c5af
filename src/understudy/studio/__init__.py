"""The web page over a folder of runs and datasets. It reads files, and writes nothing to them."""
