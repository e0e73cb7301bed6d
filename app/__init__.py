"""The CLB binding broker, room by room.

Deciding is pure, doing is at the edges. Imports point one way only:

    cli -> composition -> api | worker -> broker -> ledger | cloud -> planning | ownership -> domain

``domain``       nouns and the moves that they may make (pure)
``ownership``    is this address really that cluster's? evidence in, verdict out (pure)
``planning``     what should be bound, and which calls bring the cloud there (pure)
``ledger``       Postgres, one module per noun
``cloud``        the Tencent Cloud SDK, translated into nouns of the domain
``broker``       use cases: one verb per file, one transaction each
``api``          HTTP: parse, authorise, call one use case, render
``worker``       loops that can be run once
``composition``  the only place that builds everything
``cli``          one verb per process
``simulator``    a local Tencent Cloud on the wire; knows nothing of the rooms above
``demo``         the main job as a story on a terminal
"""
