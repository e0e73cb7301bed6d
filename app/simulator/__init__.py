"""A local Tencent Cloud: CLB, VPC, CCN, TKE and a little CVM, on the real wire protocol, a bit hostile by default.

It imports nothing of the rest of the broker and nothing of the SDK, so that a wrong translation cannot be wrong twice.

    server      Simulator for tests, run() for the command line
    wire        HTTP/1.1; control: /_control/, unsigned; cloud: signed calls, their checks, faults around the work
    signature   TC3-HMAC-SHA256          pace     one-second windows         faults   what was ordered to go wrong
    request     one call, and the types of its parameters; actions/ one module per subject, all in one table
    moves       what a write would do, and why not; backing   what stands behind an address
    world       the state, and the form of a world file; nouns, tasks, records, parameters   what it consists of
    world_file/, edits/   describing and changing it by hand, one module per subject; reading   how both are read
    errors   the two ways of saying no
    kubernetes/   a cluster's API beside it, for the in-cluster agent: a simulator of its own

What it does not simulate is listed in docs/simulator.md.
"""
