"""How far the broker is from as fast as the cloud lets anyone be. Not part of what is installed: `make bench`.

``bound``      PURE: what the cloud's parameters and the workload allow at best; percentiles
``world``      the simulated cloud's world of each size, and the pods' events
``stage``      Postgres, simulator, API and workers as processes, and the two HTTP clients
``broker``     the broker's scenarios: many binds at once, with and without faults, and single binds
``strategies`` what others do, as small drivers on the same cloud
``measures``   PURE: from the simulator's record of calls and changes to figures
``report``     PURE: figures as tables, and their place in docs/benchmarks.md
"""
