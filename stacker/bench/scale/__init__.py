"""What a hundred million battles would take, from measured rates, and a simulation of the nodes that do it."""
