"""What history costs: the answer to "who had this address then", all of it as a stream, and its seal."""
