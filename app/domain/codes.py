"""Stable codes: why an event was refused, or why a binding is in its state. Never renamed, never reused."""

from enum import StrEnum


class Code(StrEnum):
    """One stable reason. Agents and operators' scripts compare these strings."""

    # Ownership: what the cloud's evidence says about an address.
    ADDRESS_NOT_BINDABLE = "address-not-bindable"
    ADDRESS_IS_LOAD_BALANCER = "address-is-load-balancer"
    ADDRESS_IS_SERVICE = "address-is-service"
    ADDRESS_IS_NODE = "address-is-node"
    NETWORK_MODE_UNSUPPORTED = "network-mode-unsupported"
    KUBERNETES_TOO_OLD = "kubernetes-too-old"
    MIXED_NETWORK_MODES = "mixed-network-modes"
    OUTSIDE_CLUSTER_CIDR = "outside-cluster-cidr"
    ENI_NOT_FOUND = "eni-not-found"
    ENI_DETACHED = "eni-detached"
    ENI_OTHER_VPC = "eni-other-vpc"
    ENI_OTHER_CLUSTER = "eni-other-cluster"
    CCN_NOT_ATTACHED = "ccn-not-attached"
    CCN_ROUTE_MISSING = "ccn-route-missing"
    CCN_ROUTE_DISABLED = "ccn-route-disabled"
    CCN_ROUTE_OTHER_VPC = "ccn-route-other-vpc"
    CIDR_OVERLAP = "cidr-overlap"
    LOAD_BALANCER_UNREACHABLE = "load-balancer-unreachable"
    ACCOUNT_NOT_BILL_BY_IP = "account-not-bill-by-ip"

    # Claims and rights: who may bind where.
    NOT_GRANTED = "not-granted"
    CLAIMED_BY_OTHER_CLUSTER = "claimed-by-other-cluster"
    FOUR_TUPLE_CONFLICT = "four-tuple-conflict"
    LISTENER_NOT_FOUND = "listener-not-found"
    LOAD_BALANCER_NOT_FOUND = "load-balancer-not-found"
    WEIGHT_OUT_OF_RANGE = "target-weight-out-of-range"
    QUOTA_EXCEEDED = "quota-exceeded"
    INVALID_EVENT = "invalid-event"
    EVENT_ID_REUSED = "event-id-reused"
    PROOF_LOST = "proof-lost"
    SUPERSEDED = "superseded"
    REMOVAL_GUARD = "removal-guard"
    CLUSTER_SILENT = "cluster-silent"
    CLOUD_REFUSED = "cloud-refused"


class Caution(StrEnum):
    """What may keep a proven target from working. Kept with the proof; refuses nothing."""

    SECURITY_GROUP_CLOSED = "security-group-closed"
    LOOPBACK_POSSIBLE = "loopback-possible"
