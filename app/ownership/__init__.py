"""Is this address really that cluster's? Evidence in, verdict out. Pure.

``evidence``    what the cloud answered
``routes``      the routes of a Cloud Connect Network, ready to be asked
``checks``      the table of checks; they stand in ``strangers`` (load balancers, Services, machines), ``platform``
                (cluster and account), ``interfaces`` (VPC-CNI), ``network`` (GlobalRouter) and ``reach``
``cautions``    warnings
``verdict``     the checks of one address, summed up
"""
