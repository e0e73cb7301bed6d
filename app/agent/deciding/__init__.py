"""What an agent decides, from what its cluster and the broker say. Pure: values in, values out.

``objects``         what is kept of a Service, an EndpointSlice, a pod
``reading``         the API's JSON as these values
``annotations``     what a Service's annotations wish for; ``documents``: the two that hold JSON
``network``         how a pod got its address
``membership``      which pods a Service has, and what stands against binding each of them now
``problems``        what is wrong with a Service and its pods
``targets``         what should be bound for one Service
``claims``          which Service and which pod a target belongs to when several ask for it
``changes``         what is to be told to the broker; ``told``: the newest words, and what of them it acknowledged
``words``           what is told, as the broker's API wants it
``reports``         what the broker says of each pod's bindings
``readiness``       what a pod's readiness gate should say
``notices``         which Kubernetes Events are to be written, each once per change
``gate_injection``  which new pods get the readiness gate
"""
