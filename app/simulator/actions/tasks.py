"""Asking about asynchronous tasks by the RequestId of the call that began them."""

from app.simulator.errors import CloudError
from app.simulator.request import Action, Answer, Request, at_most
from app.simulator.tasks import DONE, FAILED, RUNNING, Task

MOST_JOBS = 100
WORDS = {DONE: "Succeeded", FAILED: "Failed", RUNNING: "Processing"}


def describe_task_status(request: Request) -> Answer:
    """DescribeTaskStatus: 0 done, 1 failed, 2 running.

    0 too for the RequestId of a batch, which was done when it answered.
    """
    task_id = request.asked["TaskId"]
    with request.world.held():
        task = request.world.tasks.get(task_id)
    if task is None:
        raise CloudError(request.world.parameters.unknown_task_code, f"The task {task_id} is not found.")
    return {"Status": task.status, "LoadBalancerIds": [task.load_balancer_id], "Message": task.message}


def describe_async_jobs(request: Request) -> Answer:
    """DescribeAsyncJobs: the same for many RequestIds; unknown ones are left out."""
    ids = at_most(request, "RequestIds", MOST_JOBS)
    with request.world.held():
        found = [task for each in ids if (task := request.world.tasks.get(each))]
        jobs = [_job(each) for each in found]
    return {"Jobs": jobs, "NextToken": None, "MaxResults": MOST_JOBS, "TotalCount": len(jobs)}


def _job(task: Task) -> Answer:
    return {
        "ApiName": task.action,
        "RequestId": task.request_id,
        "Status": WORDS[task.status],
        "ResourceIds": [task.load_balancer_id],
    }


ACTIONS = (
    Action("DescribeTaskStatus", "clb", {"TaskId": str, "DealName": str}, describe_task_status, ("TaskId",)),
    Action(
        "DescribeAsyncJobs",
        "clb",
        {"RequestIds": [str], "NextToken": str, "MaxResults": int},
        describe_async_jobs,
        ("RequestIds",),
    ),
)
