"""HTTP and nothing else: parse, authorise, call one use case, render.

``routes``          every route with its permission, in one table
``application``     the Flask application, built from that table
``authentication``  who sent this, and may they?
``problems``        errors as RFC 9457
``schemas``         one source for validation, rendering and openapi.yaml
The other modules are the views, one per noun.
"""
