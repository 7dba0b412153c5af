"""The far side: runs one benchmark's task in another Python, which has that benchmark's packages and none of ours.

It needs numpy and the benchmark. Started by ../process.py as `python -I`, it answers requests on its standard input
with frames (wire.py) on what was its standard output; what libraries print goes to the error stream.
"""
