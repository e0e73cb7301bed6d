"""The ledger: Postgres, one module per noun. The only room that imports sqlalchemy.

Every function takes the connection of a running transaction; transactions begin and end in the rooms above, by
`app.ledger.connection.Ledger`. Locks are always taken in one order: clusters by id, then load balancers by id, then
everything else; whoever changes a binding holds the row of its load balancer.
"""
