"""Cloud connect networks: what is attached, and where routes lead."""

from app.simulator.errors import CloudError
from app.simulator.nouns import Attachment, Ccn, Route
from app.simulator.request import FILTERS, VPC_READS_PER_SECOND, Action, Answer, Request, by, filtered, page


def describe_attachments(request: Request) -> Answer:
    """DescribeCcnAttachedInstances: of one CCN, or by filter of all; State ACTIVE counts."""
    wanted = request.asked.get("CcnId")
    with request.world.held():
        found = [
            (ccn, attachment)
            for ccn in request.seen(request.world.ccns.values())
            if wanted in (None, ccn.ccn_id)
            for attachment in ccn.attachments
        ]
        found = filtered(
            request,
            found,
            {
                "ccn-id": lambda each, values: each[0].ccn_id in values,
                "instance-id": lambda each, values: each[1].vpc_id in values,
                "instance-type": lambda _, values: "VPC" in values,
                "instance-region": lambda each, values: each[1].region in values,
            },
        )
        return {"TotalCount": len(found), "InstanceSet": [_attachment(request, *each) for each in page(request, found)]}


def _attachment(request: Request, ccn: Ccn, attachment: Attachment) -> Answer:
    vpc = request.world.vpcs[attachment.vpc_id]
    return {
        "CcnId": ccn.ccn_id,
        "InstanceType": "VPC",
        "InstanceId": vpc.vpc_id,
        "InstanceName": vpc.name,
        "InstanceRegion": attachment.region,
        "InstanceUin": "100000000001",
        "CidrBlock": [vpc.cidr, *vpc.assistant_cidrs, *vpc.container_cidrs],
        "State": attachment.state,
        "AttachedTime": "2026-01-01 00:00:00",
        "CcnUin": "100000000001",
    }


def describe_routes(request: Request) -> Answer:
    """DescribeCcnRoutes: the routes of one CCN, disabled ones too. Raises ResourceNotFound for an unknown CCN."""
    ccn_id = request.asked["CcnId"]
    with request.world.held():
        ccn = request.world.ccns.get(ccn_id)
        if ccn is None or ccn.region != request.region:
            raise CloudError("ResourceNotFound", f"The CCN {ccn_id} does not exist.")
        ids = set(request.texts("RouteIds"))
        routes = [route for route in ccn.routes.values() if not ids or route.route_id in ids]
        routes = filtered(
            request,
            routes,
            {
                "route-id": by("route_id"),
                "cidr-block": by("cidr"),
                "instance-id": by("vpc_id"),
                "instance-type": lambda _, values: "VPC" in values,
            },
        )
        return {"TotalCount": len(routes), "RouteSet": [_route(request, each) for each in page(request, routes)]}


def _route(request: Request, route: Route) -> Answer:
    vpc = request.world.vpcs[route.vpc_id]
    return {
        "RouteId": route.route_id,
        "DestinationCidrBlock": route.cidr,
        "InstanceType": "VPC",
        "InstanceId": vpc.vpc_id,
        "InstanceName": vpc.name,
        "InstanceRegion": vpc.region,
        "UpdateTime": "2026-01-01 00:00:00",
        "Enabled": route.enabled,
        "InstanceUin": "100000000001",
        "ExtraState": "",
        "IsBgp": False,
    }


_PAGE = {"Filters": FILTERS, "Offset": int, "Limit": int}

ACTIONS = (
    Action(
        "DescribeCcnAttachedInstances",
        "vpc",
        {"CcnId": str, **_PAGE},
        describe_attachments,
        rate=VPC_READS_PER_SECOND,
    ),
    Action(
        "DescribeCcnRoutes",
        "vpc",
        {"CcnId": str, "RouteIds": [str], **_PAGE},
        describe_routes,
        ("CcnId",),
        rate=VPC_READS_PER_SECOND,
    ),
)
