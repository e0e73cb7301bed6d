"""A small Kubernetes API on the wire: enough for the real client, the agent and its webhook, and a bit hostile.

It imports nothing of the rest of the broker and nothing of the Kubernetes client.

    server      KubernetesSimulator for tests and the demo; kubeconfig   a file that points a client at it
    wire        HTTP/1.1 and chunked watches; front   one request: who asks, may they, faults, which verb
    verbs       get, list, create, update, patch, delete; watch   what a watcher is told
    store       objects, one resourceVersion for all, what changed and what is forgotten of it
    resources   what is served, and paths; selectors, patches, checks   the parts of a request and of an object
    admission   mutating webhooks at the creation of pods; permissions   RBAC and what of it was used
    faults      what was ordered to go wrong; control   the same by HTTP, under /_control/
    controllers/   endpoint slices, a kubelet, deployments: plain objects that a test drives or a thread runs

Lists and watches, resourceVersions and conflicts, 410 Gone, the status subresource, graceful deletion and admission
follow https://kubernetes.io/docs/reference/using-api/api-concepts/ and the API server's code (1.24 and later).

What it does not simulate: TLS and client certificates, users other than by bearer token, namespaces in their deletion,
garbage collection by owner (but of slices with their Service), server-side apply and managedFields, defaults and
validation beyond what `checks` names, conversion between core/v1 and events.k8s.io/v1 Events (two kinds here), expiry
of Events, validating webhooks and matchConditions, streaming lists (sendInitialEvents), protobuf and CBOR, priority and
fairness, a scheduler that weighs, containers, probes, replica sets as objects (their names stand in the pods alone),
services' own addresses and traffic.
"""
