"""What the server says of itself: log lines, counters and histograms.

The lowest room of the server, since every other one has something to count. Owns how things are counted, the closed
lists of what is counted, and how log and metrics are written. Owns no decision: nothing here changes an answer.
"""
