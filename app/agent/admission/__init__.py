"""The admission webhook: it gives new pods of direct-access Services the readiness gate, and has a certificate for it.

``review``               an AdmissionReview in, its answer out; fails open
``exchange``             one connection's requests over HTTP
``server``               HTTPS: how many connections, for how long, and with which certificate
``certificate_files``    the certificate that is served, read again when its files change
``known_services``       the Services that the cluster has, as a watch tells them
``run``                  builds and ends the webhook
``certificates``         makes and judges self-signed certificates: a clock value and a source of keys in, PEM out
``certificate_secret``   keeps one in a Secret and its authority in the webhook's configuration
"""
