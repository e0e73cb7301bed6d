"""How light and how quick the in-cluster agent is: `python -m benchmarks agent`.

command     the command line and the order of the scenarios
telling     from a pod's change to the event at the broker, before a broker that only records
standing    idle and restarts, within a whole installation
objects     the Services, slices and pods of the cluster (pure)
stage       the cluster's API in this process, agents as processes of their own
recorder    the recording broker; bare   what anybody would need at the least, to compare with
measures    records to figures (pure); tables   figures as Markdown (pure)
"""
