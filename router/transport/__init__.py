"""The only place that opens upstream sockets."""
