# the graph
