"""The in-cluster agent: it watches one cluster's Services and pods and tells the broker what should be bound.

Runs in the cluster (`clb-broker agent`), holds no cloud credential, and knows the broker by HTTP alone. The only room
that knows the `kubernetes` library.

``deciding``        what should be bound, what to say of it, and which gates to mark: plain functions over frozen values
``kubernetes_api``  the Kubernetes API: lists, watches, patches, Events
``list_watch``      one resource, listed and then watched, for ever
``view``            the newest state of what is watched, and whose turn it is to be looked at
``leadership``      the Lease that one of several agents holds; only that one speaks
``broker_api``      the broker over HTTP
``tell``, ``snapshot``, ``follow``, ``mark``, ``note``   the loops
``run``             builds all of it
"""
