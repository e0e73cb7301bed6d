"""Is this address really that cluster's? Evidence in, verdict out. Pure.

``evidence``  what the cloud answered
``checks``    one check per function, and the table of them
``verdict``   the checks of one address, summed up
"""
