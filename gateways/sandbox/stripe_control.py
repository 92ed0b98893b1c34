"""Steering the sandbox's Stripe from the control port.

POST `/_sandbox/3ds/{pi}?result=ok|fail` · POST `/_sandbox/accounts/{acct}/onboard` · GET
`/_sandbox/stripe/effects?after=SEQ` · GET, POST `/_sandbox/stripe/options`
"""

import msgspec

from gateways.sandbox.exchange import Request, Response, Setting
from gateways.sandbox.stripe_accounts import onboard
from gateways.sandbox.stripe_effects import listed
from gateways.sandbox.stripe_objects import Call
from gateways.sandbox.stripe_options import OptionError, options, set_options
from gateways.sandbox.stripe_pages import answer
from gateways.sandbox.stripe_replies import StripeRefusal


def steered(request: Request, setting: Setting) -> Response | None:
    """None: the path is none of these."""
    call = Call(setting=setting)
    try:
        match request.method, request.path.removeprefix("/_sandbox/").split("/"):
            case "POST", ["3ds", id_]:
                return _answered(call, id_, request.value("result"))
            case "POST", ["accounts", id_, "onboard"]:
                return Response.of_json(200, onboard(call, id_).object)
            case "GET", ["stripe", "effects"]:
                return listed(request, setting.records)
            case "GET", ["stripe", "options"]:
                return Response.of_json(200, options(setting.records))
            case "POST", ["stripe", "options"]:
                posted = msgspec.json.decode(request.body)
                return Response.of_json(200, set_options(setting.records, posted))
            case _:
                return None
    except StripeRefusal as refusal:
        return Response.of_json(refusal.status, {"detail": refusal.error["message"]})
    except (OptionError, msgspec.DecodeError) as error:
        return Response.of_json(400, {"detail": str(error)})


def _answered(call: Call, id_: str, result: str | None) -> Response:
    if result not in ("ok", "fail"):
        return Response.of_json(400, {"detail": "result must be ok or fail."})
    kept = answer(call, id_, is_good=result == "ok")
    return Response.of_json(200, kept.object)
