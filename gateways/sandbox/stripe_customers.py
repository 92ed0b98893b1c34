"""Customers: who owns payment methods."""

from typing import Final

from gateways.sandbox.exchange import Json
from gateways.sandbox.stripe_form import Params
from gateways.sandbox.stripe_objects import Call, Kept

_TEXTS: Final = ("description", "email", "name", "phone")
_FIELDS: Final = frozenset((*_TEXTS, "metadata", "payment_method", "invoice_settings", "address"))


def create(call: Call, given: Json) -> Kept:
    """Raises `StripeRefusal`."""
    params = Params(given, _FIELDS)
    id_, number = call.new_id("cus")
    texts = {each: params.text(each) or None for each in _TEXTS}
    return call.put(
        Kept(
            number=number,
            object={
                "id": id_,
                "object": "customer",
                "address": params.inner("address").given or None,
                "balance": 0,
                "created": call.now,
                "default_source": None,
                "delinquent": False,
                "invoice_settings": {"default_payment_method": None},
                "livemode": False,
                "metadata": params.metadata({}),
                "preferred_locales": [],
                "shipping": None,
                **texts,
            },
        )
    )


def update(call: Call, id_: str, given: Json) -> Kept:
    """Raises `StripeRefusal`."""
    customer = call.get(id_, "cus")
    params = Params(given, _FIELDS)
    changed: Json = {each: params.text(each) or None for each in _TEXTS if each in params}
    metadata = params.metadata(customer.object["metadata"])
    return call.put(customer.with_object(**changed, metadata=metadata))


def delete(call: Call, id_: str) -> Json:
    """Raises `StripeRefusal`."""
    customer = call.get(id_, "cus")
    for method in list(call.newest("pm", "customer", id_)):
        call.put(method.with_object(customer=None).with_private(is_used=True))
    call.remove(customer)
    return {"id": id_, "object": "customer", "deleted": True}
