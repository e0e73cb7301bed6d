"""Verifications over HTTP: the verdict that a bind would get, changing nothing."""

from typing import Any

from flask import url_for

from app.api import rendering
from app.api.context import ledger, waiting_place
from app.api.parsing import StrictBlueprint
from app.api.schemas.verifications import VerdictSchema, VerificationRequestSchema, VerificationWaitingSchema
from app.broker.ask_verification import ask_verification, find_answer
from app.ledger.verifications import Question

blueprint = StrictBlueprint("verifications", __name__, description="Would this address be proven?")

LONGEST_WAIT_SECONDS = 10.0


@blueprint.arguments(VerificationRequestSchema)
@blueprint.response(200, VerdictSchema)
@blueprint.alt_response(
    202, schema=VerificationWaitingSchema, description="No worker has answered yet; ask again at `Location`"
)
def post(body: dict[str, Any]) -> Any:
    """The verdict that a bind would get, with every check and its evidence"""
    verification_id = ask_verification(ledger(), **body)
    with waiting_place() as may_wait:
        return _answer(find_answer(ledger(), verification_id, LONGEST_WAIT_SECONDS if may_wait else 0))


@blueprint.response(200, VerdictSchema)
@blueprint.alt_response(202, schema=VerificationWaitingSchema, description="No worker has answered yet")
def get(verification_id: str) -> Any:
    """The answer to a verification that was asked for within the last hour"""
    return _answer(find_answer(ledger(), verification_id, 0))


def _answer(question: Question) -> Any:
    if question.answer is not None:
        return rendering.verdict(question)
    location = url_for("verifications.get", verification_id=question.verification_id)
    return {"verification_id": question.verification_id}, 202, {"Location": location}
