"""What should be bound, and which calls bring the cloud there. Pure: values in, values out.

``reception``  what pod events ask of the ledger, as a fold over a ``draft`` of what is ``known``
``snapshot``   what the full truth for one Service asks of the ledger, within ``guard``
``withdrawal`` how a binding leaves, from whatever state it is in
``promotion``  what a verdict does to a binding, and what it still needs then
``desired``    what each binding asks of the cloud, and ``observed`` what the cloud has
``plan``       the difference between the two, by a truth table
``batches``    the plan as calls, none empty and none too large
``settle``     what a reading of the cloud says about each binding
``pacing``     how long to wait, and when not to
"""
