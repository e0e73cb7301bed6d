"""The Tencent Cloud, in the domain's nouns. The only room that imports tencentcloud.

``error_codes``  the cloud's codes as the broker's errors (pure)
``translate``    answers as values, and values as requests (pure)
``client``       one call: budget, SDK, errors
``clb``          load balancers: read, register, reweigh, deregister
``networks``     interfaces, Cloud Connect Networks, clusters: the evidence of ownership
"""
