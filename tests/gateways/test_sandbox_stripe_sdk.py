"""The official SDK against the sandbox's Stripe on loopback: one test per row of APIS §6.3, §7.2, §7.3."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import stripe
import trio
from stripe_stage import DAY, HOUR, Receiver, Served, receiving, served

pytestmark = pytest.mark.filterwarnings(
    "ignore:Use .content=:DeprecationWarning"  # how the SDK calls httpx
)

CREATE: Any = {
    "amount": 3_334,
    "currency": "eur",
    "capture_method": "manual",
    "payment_method_types": ["card"],
    "metadata": {"saga_id": "S1", "share_id": "s1"},
    "transfer_group": "grp_S1",
}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
async def sandbox() -> AsyncIterator[Served]:
    async with served() as found:
        yield found


@pytest.fixture
async def real_time() -> AsyncIterator[Served]:
    """Its wall clock begins now, as a receiver's: signatures are judged by it."""
    async with served(lambda: round(time.time() * 1_000)) as found:
        yield found


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


async def opened(sandbox: Served, **members: Any) -> Any:
    return await sandbox.client.v1.payment_intents.create_async({**CREATE, **members})


async def confirmed(sandbox: Served, method: str = "pm_card_visa", **members: Any) -> Any:
    intent = await opened(sandbox, **members)
    return await sandbox.client.v1.payment_intents.confirm_async(
        intent.id, {"payment_method": method}
    )


class TestWhatTheSdkRaises:
    """§6.3."""

    async def test_a_wrong_parameter(self, sandbox: Served) -> None:
        with pytest.raises(stripe.InvalidRequestError) as raised:
            await opened(sandbox, colour="red")
        assert (raised.value.code, raised.value.param) == ("parameter_unknown", "colour")
        assert raised.value.http_status == 400
        assert str(raised.value.request_id).startswith("req_")

    async def test_what_does_not_exist(self, sandbox: Served) -> None:
        with pytest.raises(stripe.InvalidRequestError) as raised:
            await sandbox.client.v1.payment_intents.retrieve_async("pi_none")
        assert (raised.value.http_status, raised.value.code) == (404, "resource_missing")

    async def test_another_request_under_a_key(self, sandbox: Served) -> None:
        options: Any = {"idempotency_key": "one"}
        await sandbox.client.v1.payment_intents.create_async(CREATE, options)
        with pytest.raises(stripe.IdempotencyError) as raised:
            await sandbox.client.v1.payment_intents.create_async({**CREATE, "amount": 99}, options)
        assert raised.value.http_status == 400

    async def test_a_key_in_use(self, sandbox: Served) -> None:
        await sandbox.rule({"type": "409_in_use"})
        with pytest.raises(stripe.APIError) as raised:
            await opened(sandbox)
        assert not isinstance(raised.value, stripe.IdempotencyError)
        error: Any = raised.value.error
        assert (raised.value.http_status, error.code) == (409, "idempotency_key_in_use")

    async def test_a_wrong_key(self, sandbox: Served) -> None:
        options: Any = {"api_key": "sk_live_no"}
        with pytest.raises(stripe.AuthenticationError) as raised:
            await sandbox.client.v1.payment_intents.create_async(CREATE, options)
        assert raised.value.http_status == 401

    async def test_a_decline_carries_the_payment(self, sandbox: Served) -> None:
        with pytest.raises(stripe.CardError) as raised:
            await confirmed(sandbox, "pm_card_visa_chargeDeclinedInsufficientFunds")
        error: Any = raised.value.error
        assert (raised.value.http_status, raised.value.code) == (402, "card_declined")
        assert error.decline_code == "insufficient_funds"
        assert error.payment_intent.status == "requires_payment_method"
        assert error.payment_intent.last_payment_error.decline_code == "insufficient_funds"
        assert error.charge == error.payment_intent.latest_charge

    async def test_a_publishable_key_may_not(self, sandbox: Served) -> None:
        options: Any = {"api_key": "pk_test_1"}
        with pytest.raises(stripe.PermissionError):
            await sandbox.client.v1.refunds.list_async({}, options)

    async def test_too_many_requests(self, sandbox: Served) -> None:
        await sandbox.rule({"type": "rate_limit"})
        with pytest.raises(stripe.RateLimitError):
            await opened(sandbox)
        await sandbox.control("POST", "stripe/options", {"tps": 1})
        await opened(sandbox)
        with pytest.raises(stripe.RateLimitError) as raised:
            await opened(sandbox)
        error: Any = raised.value.error
        assert (raised.value.http_status, error.code) == (429, "rate_limit")

    @pytest.mark.parametrize("status", [424, 500, 503])
    async def test_its_own_fault(self, sandbox: Served, status: int) -> None:
        await sandbox.rule({"type": "status", "code": status})
        with pytest.raises(stripe.APIError) as raised:
            await opened(sandbox)
        assert raised.value.http_status == status

    @pytest.mark.parametrize("action", ["html_502", "bad_json"])
    async def test_what_is_no_json(self, sandbox: Served, action: str) -> None:
        await sandbox.rule({"type": action})
        with pytest.raises(stripe.APIError, match="Invalid response body"):
            await opened(sandbox)

    @pytest.mark.parametrize("action", ["reset_before", "reset_after", "truncate_body"])
    async def test_a_lost_connection(self, sandbox: Served, action: str) -> None:
        await sandbox.rule({"type": action})
        with pytest.raises(stripe.APIConnectionError) as raised:
            await opened(sandbox)
        assert raised.value.should_retry
        made = await sandbox.client.v1.payment_intents.list_async({})
        assert len(made.data) == (0 if action == "reset_before" else 1)

    async def test_a_refused_connection(self, sandbox: Served) -> None:
        client = stripe.StripeClient(
            "sk_test_sbx",
            base_addresses={"api": "http://127.0.0.1:9"},
            http_client=sandbox.transport,
            max_network_retries=0,
        )
        with pytest.raises(stripe.APIConnectionError):
            await client.v1.payment_intents.create_async(CREATE)

    @pytest.mark.parametrize("action", ["hang_before_effect", "hang_after_effect"])
    async def test_an_answer_that_does_not_come(self, sandbox: Served, action: str) -> None:
        await sandbox.rule({"type": action})
        sandbox.transport._timeout = 0.05
        with pytest.raises(stripe.APIConnectionError) as raised:
            await opened(sandbox)
        assert raised.value.should_retry
        await sandbox.until_fired()
        sandbox.transport._timeout = 5.0
        made = await sandbox.client.v1.payment_intents.list_async({})
        assert len(made.data) == (0 if action == "hang_before_effect" else 1)

    async def test_a_cancelled_call_may_have_been_done(self, sandbox: Served) -> None:
        await sandbox.rule({"type": "hang_after_effect"})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(opened, sandbox)
            await sandbox.until_fired()
            nursery.cancel_scope.cancel()
        assert nursery.cancel_scope.cancelled_caught
        assert len((await sandbox.client.v1.payment_intents.list_async({})).data) == 1

    async def test_a_rate_limit_in_its_old_dress(self, sandbox: Served) -> None:
        error = {"type": "invalid_request_error", "code": "rate_limit"}
        await sandbox.rule({"type": "status", "code": 400, "errors": [error]})
        with pytest.raises(stripe.RateLimitError):
            await opened(sandbox)

    @pytest.mark.parametrize(
        ("action", "said", "is_retried"),
        [
            ({"type": "409_in_use"}, None, True),
            ({"type": "status", "code": 500}, None, True),
            ({"type": "status", "code": 500}, False, False),
            ({"type": "status", "code": 424}, None, False),
            ({"type": "rate_limit"}, None, False),
            ({"type": "rate_limit"}, True, True),
            ({"type": "decline"}, None, False),
            ({"type": "reset_after"}, None, True),
        ],
    )
    async def test_what_it_tries_again(
        self, sandbox: Served, action: dict[str, Any], said: bool | None, is_retried: bool
    ) -> None:
        await sandbox.rule(action, method="POST")
        if said is not None:
            await sandbox.rule({"type": "should_retry", "value": said}, method="POST")
        call = sandbox.client.v1.payment_intents.create_async(
            {**CREATE, "payment_method": "pm_card_visa", "confirm": True},
            {"max_network_retries": 1},
        )
        if is_retried:
            assert (await call).status == "requires_capture"
        else:
            with pytest.raises(stripe.StripeError):
                await call
        # Its retries carry one key: what was done is not done twice.
        assert len((await sandbox.client.v1.payment_intents.list_async({})).data) == (
            1 if is_retried or action["type"] == "decline" else 0
        )


class TestIdempotency:
    """§7.2."""

    async def test_a_replay_is_the_first_answer(self, sandbox: Served) -> None:
        options: Any = {"idempotency_key": "one"}
        create = sandbox.client.v1.payment_intents.create_async
        first: Any = await create(CREATE, options)
        again: Any = await create(CREATE, options)
        assert again.id == first.id
        headers = again.last_response.headers
        assert headers["idempotent-replayed"] == "true"
        assert headers["original-request"] == first.last_response.request_id
        assert "idempotent-replayed" not in first.last_response.headers
        listed = await sandbox.client.v1.payment_intents.list_async({})
        assert [each.id for each in listed.data] == [first.id]

    async def test_a_500_is_kept_with_what_it_did(self, sandbox: Served) -> None:
        await sandbox.rule({"type": "replay_500"})
        options: Any = {"idempotency_key": "one"}
        for _ in range(2):
            with pytest.raises(stripe.APIError) as raised:
                await sandbox.client.v1.payment_intents.create_async(CREATE, options)
            assert raised.value.http_status == 500
        assert len((await sandbox.client.v1.payment_intents.list_async({})).data) == 1

    @pytest.mark.parametrize("why", ["validation", "401", "409", "429"])
    async def test_what_began_nothing_is_not_kept(self, sandbox: Served, why: str) -> None:
        options: Any = {"idempotency_key": "one"}
        refused: Any = dict(CREATE)
        if why == "validation":
            refused["amount"] = 1
        elif why == "401":
            options["api_key"] = "sk_live_no"
        else:
            await sandbox.rule({"type": "409_in_use" if why == "409" else "rate_limit"})
        create = sandbox.client.v1.payment_intents.create_async
        with pytest.raises(stripe.StripeError):
            await create(refused, options)
        made: Any = await create(CREATE, {"idempotency_key": "one"})
        assert made.status == "requires_payment_method"

    async def test_a_decline_is_kept_so_another_card_needs_another_key(
        self, sandbox: Served
    ) -> None:
        intent = await opened(sandbox)
        confirm = sandbox.client.v1.payment_intents.confirm_async
        declining: Any = {"payment_method": "pm_card_chargeDeclined"}
        for _ in range(2):
            with pytest.raises(stripe.CardError):
                await confirm(intent.id, declining, {"idempotency_key": "c1"})
        with pytest.raises(stripe.IdempotencyError):
            await confirm(intent.id, {"payment_method": "pm_card_visa"}, {"idempotency_key": "c1"})
        held: Any = await confirm(
            intent.id, {"payment_method": "pm_card_visa"}, {"idempotency_key": "c2"}
        )
        assert held.status == "requires_capture"

    async def test_after_a_day_a_key_executes_again(self, sandbox: Served) -> None:
        options: Any = {"idempotency_key": "one"}
        create = sandbox.client.v1.payment_intents.create_async
        first = await create(CREATE, options)
        await sandbox.control("POST", "clock", {"advanceMs": DAY - HOUR})
        assert (await create(CREATE, options)).id == first.id
        await sandbox.control("POST", "clock", {"advanceMs": HOUR})
        assert (await create(CREATE, options)).id != first.id

    async def test_a_key_is_of_one_endpoint_and_not_too_long(self, sandbox: Served) -> None:
        v1 = sandbox.client.v1
        intent = await v1.payment_intents.create_async(CREATE, {"idempotency_key": "one"})
        with pytest.raises(stripe.IdempotencyError):
            await v1.payment_intents.cancel_async(intent.id, {}, {"idempotency_key": "one"})
        with pytest.raises(stripe.InvalidRequestError):
            await v1.payment_intents.cancel_async(intent.id, {}, {"idempotency_key": "k" * 256})
        options: Any = {"idempotency_key": "k" * 255}
        assert (await v1.payment_intents.cancel_async(intent.id, {}, options)).canceled_at

    async def test_reading_knows_no_keys(self, sandbox: Served) -> None:
        intent = await opened(sandbox)
        retrieve = sandbox.client.v1.payment_intents.retrieve_async
        options: Any = {"idempotency_key": "one"}
        assert (await retrieve(intent.id, {}, options)).status == "requires_payment_method"
        await sandbox.client.v1.payment_intents.cancel_async(intent.id)
        assert (await retrieve(intent.id, {}, options)).status == "canceled"

    async def test_keys_are_an_accounts_own(self, sandbox: Served) -> None:
        create = sandbox.client.v1.payment_intents.create_async
        first = await create(CREATE, {"idempotency_key": "one"})
        other = await create(CREATE, {"idempotency_key": "one", "stripe_account": "acct_1"})
        assert first.id != other.id


class TestTheWire:
    """§6.2."""

    async def test_lists_are_paged_newest_first(self, sandbox: Served) -> None:
        made = [(await opened(sandbox)).id for _ in range(5)]
        page = await sandbox.client.v1.payment_intents.list_async({"limit": 2})
        assert (page.url, page.has_more) == ("/v1/payment_intents", True)
        assert [each.id async for each in page.auto_paging_iter()] == made[::-1]
        newer = await sandbox.client.v1.payment_intents.list_async({"ending_before": made[2]})
        assert [each.id for each in newer.data] == [made[4], made[3]]
        none = await sandbox.client.v1.payment_intents.list_async({"created": {"gt": 1 << 33}})
        assert not none.data

    async def test_expand_in_query_body_and_lists(self, sandbox: Served) -> None:
        intent = await opened(sandbox)
        held: Any = await sandbox.client.v1.payment_intents.confirm_async(
            intent.id, {"payment_method": "pm_card_visa", "expand": ["latest_charge"]}
        )
        assert held.latest_charge.payment_method_details.card.capture_before
        listed: Any = await sandbox.client.v1.payment_intents.list_async(
            {"expand": ["data.latest_charge.payment_method"]}
        )
        assert listed.data[0].latest_charge.payment_method.card.last4 == "4242"

    async def test_search_finds_what_settled(self, sandbox: Served) -> None:
        intent = await opened(sandbox)
        await opened(sandbox, metadata={"saga_id": "S2"})
        query: Any = {"query": "metadata['saga_id']:'S1' AND -status:'canceled'"}
        search = sandbox.client.v1.payment_intents.search_async
        assert not (await search(query)).data
        sandbox.later(2_000)
        assert [each.id for each in (await search(query)).data] == [intent.id]
        await sandbox.control("POST", "stripe/options", {"searchDelayMs": 0})
        for _ in range(3):
            await opened(sandbox)
        found = await search({"query": "amount>=3334 AND currency:'eur'", "limit": 2})
        assert found.next_page
        assert len([each async for each in found.auto_paging_iter()]) == 5

    async def test_a_page_of_this_machine_may_ask(self, sandbox: Served) -> None:
        intent = await opened(sandbox)
        url = f"{sandbox.urls['stripe']}/v1/payment_intents/{intent.id}/confirm"
        page = {"origin": "http://127.0.0.1:5173"}
        asked = await sandbox.http.options(url, headers=page)
        assert asked.headers["access-control-allow-origin"] == page["origin"]
        form = {"key": "pk_test_1", "payment_method": "pm_card_visa"}
        wrong = await sandbox.http.post(url, data={**form, "client_secret": "x"}, headers=page)
        assert wrong.status_code == 404
        form["client_secret"] = intent.client_secret
        done = await sandbox.http.post(url, data=form, headers=page)
        assert (done.status_code, done.json()["status"]) == (200, "requires_capture")
        assert "metadata" not in done.json()
        foreign = await sandbox.http.options(url, headers={"origin": "https://example.test"})
        assert "access-control-allow-origin" not in foreign.headers

    async def test_the_business_time_is_a_test_clock(self, sandbox: Served) -> None:
        clocks = sandbox.client.v1.test_helpers.test_clocks
        before = (await clocks.list_async({})).data[0]
        assert (before.id, before.status) == ("clock_sandbox", "ready")
        await sandbox.control("POST", "clock", {"advanceMs": DAY})
        after = await clocks.retrieve_async("clock_sandbox")
        assert after.frozen_time - before.frozen_time == DAY // 1_000
        events: Any = await sandbox.client.v1.events.list_async({})
        assert events.data[0].type == "test_helpers.test_clock.ready"
        assert events.data[0].data.object.frozen_time == after.frozen_time


class TestPayeesAndPayers:
    async def test_an_account_is_taken_on_and_paid(self, sandbox: Served) -> None:
        v1 = sandbox.client.v1
        account: Any = await sandbox.client.v2.core.accounts.create_async(
            {
                "contact_email": "guide@example.test",
                "dashboard": "express",
                "identity": {"country": "fr"},
                "configuration": {
                    "recipient": {
                        "capabilities": {
                            "stripe_balance": {"stripe_transfers": {"requested": True}}
                        }
                    }
                },
                "include": ["configuration.recipient"],
            }
        )

        def status(shown: Any) -> str:
            capabilities = shown.configuration.recipient.capabilities
            return str(capabilities.stripe_balance.stripe_transfers.status)

        assert status(account) == "restricted"
        link = await v1.account_links.create_async(
            {
                "account": account.id,
                "type": "account_onboarding",
                "refresh_url": "http://127.0.0.1/again",
                "return_url": "http://127.0.0.1/back",
            }
        )
        done = await sandbox.http.post(link.url)
        assert (done.status_code, done.headers["location"]) == (303, "http://127.0.0.1/back")
        again = await sandbox.client.v2.core.accounts.retrieve_async(
            account.id, {"include": ["configuration.recipient"]}
        )
        assert status(again) == "active"
        assert (await v1.accounts.retrieve_async(account.id)).payouts_enabled
        intent = await confirmed(sandbox)
        paid: Any = await v1.payment_intents.capture_async(intent.id)
        transfer = await v1.transfers.create_async(
            {
                "amount": 1_100,
                "currency": "eur",
                "destination": account.id,
                "source_transaction": paid.latest_charge,
                "metadata": {"saga_id": "S1"},
            }
        )
        assert transfer.transfer_group == "grp_S1"
        reversal = await v1.transfers.reversals.create_async(transfer.id, {"amount": 100})
        assert reversal.transfer == transfer.id
        listed = await v1.transfers.list_async({"transfer_group": "grp_S1"})
        assert [(each.id, each.amount_reversed) for each in listed.data] == [(transfer.id, 100)]
        theirs: Any = await v1.balance.retrieve_async({}, {"stripe_account": account.id})
        assert theirs.available[0].amount == 1_000

    async def test_a_card_is_set_up_and_charged_without_its_owner(self, sandbox: Served) -> None:
        v1 = sandbox.client.v1
        customer = await v1.customers.create_async({"email": "ana@example.test"})
        setup: Any = await v1.setup_intents.create_async(
            {
                "customer": customer.id,
                "payment_method": "pm_card_authenticationRequiredOnSetup",
                "confirm": True,
                "return_url": "http://127.0.0.1/back",
            }
        )
        assert setup.status == "requires_action"
        answered = await sandbox.http.post(f"{setup.next_action.redirect_to_url.url}?result=ok")
        assert "redirect_status=succeeded" in answered.headers["location"]
        methods = await v1.payment_methods.list_async({"customer": customer.id, "type": "card"})
        assert len(methods.data) == 1
        intent: Any = await opened(
            sandbox,
            customer=customer.id,
            payment_method=methods.data[0].id,
            confirm=True,
            off_session=True,
            expand=["latest_charge"],
        )
        assert intent.status == "requires_capture"
        held_for = intent.latest_charge.payment_method_details.card.capture_before - intent.created
        assert held_for == (4 * 24 + 18) * 3_600

    async def test_a_method_of_ones_own_and_no_number(self, sandbox: Served) -> None:
        create = sandbox.client.v1.payment_methods.create_async
        made = await create({"type": "card", "card": {"token": "tok_visa"}})
        customer = await sandbox.client.v1.customers.create_async({})
        attach = sandbox.client.v1.payment_methods.attach_async
        assert (await attach(made.id, {"customer": customer.id})).customer == customer.id
        numbered: Any = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2039}
        with pytest.raises(stripe.StripeError, match="generally unsafe") as raised:
            await create({"type": "card", "card": numbered})
        assert raised.value.http_status == 402
        with pytest.raises(stripe.StripeError, match="generally unsafe"):
            await confirmed(sandbox, "4242 4242 4242 4242")
        kept = repr(sandbox.stage.store.__dict__) + repr(vars(sandbox.stage.sandbox.store))
        assert "4242424242424242" not in kept
        assert "4242 4242" not in kept


class TestWebhooks:
    """§7.3."""

    async def registered(self, sandbox: Served, receiver: Receiver, *events: str) -> str:
        endpoint = await sandbox.client.v1.webhook_endpoints.create_async(
            {"url": receiver.url, "enabled_events": list(events) or ["*"]}
        )
        assert endpoint.secret
        shown = await sandbox.client.v1.webhook_endpoints.retrieve_async(endpoint.id)
        assert "secret" not in shown.to_dict()
        return endpoint.secret

    async def test_a_signed_event_of_each_step(self, real_time: Served, receiver: Receiver) -> None:
        sandbox = real_time
        secret = await self.registered(sandbox, receiver)
        intent = await opened(sandbox)
        await sandbox.client.v1.payment_intents.confirm_async(
            intent.id, {"payment_method": "pm_card_visa"}, {"idempotency_key": "cv:S1:s1:confirm"}
        )
        seen = {}
        for _ in range(3):
            body, signature = await receiver.next()
            event: Any = sandbox.client.construct_event(body, signature, secret)
            seen[event.type] = event
            with pytest.raises(stripe.SignatureVerificationError):
                sandbox.client.construct_event(body + b" ", signature, secret)
        assert set(seen) == {
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.amount_capturable_updated",
        }
        held = seen["payment_intent.amount_capturable_updated"]
        assert held.request.idempotency_key == "cv:S1:s1:confirm"
        assert held.data.previous_attributes.amount_capturable == 0
        assert held.data.object.id == intent.id

    async def test_what_is_not_taken_comes_again_freshly_signed(
        self, real_time: Served, receiver: Receiver
    ) -> None:
        sandbox = real_time
        secret = await self.registered(sandbox, receiver, "payment_intent.created")
        receiver.answers.extend((500, 302))
        await opened(sandbox)
        first, signed_first = await receiver.next()
        pending = await sandbox.client.v1.events.list_async({"delivery_success": False})
        assert [each.pending_webhooks for each in pending.data] == [1]
        await sandbox.until_attempt(2)
        sandbox.later(1_000)
        await receiver.next()
        await sandbox.until_attempt(3)
        sandbox.later(2_000)
        third, signed_third = await receiver.next()
        assert json.loads(first)["id"] == json.loads(third)["id"]
        assert signed_first != signed_third
        sandbox.client.construct_event(third, signed_third, secret)
        later = await opened(sandbox)
        assert json.loads((await receiver.next())[0])["data"]["object"]["id"] == later.id
        left = await sandbox.client.v1.events.list_async({"delivery_success": False})
        assert json.loads(third)["id"] not in [each.id for each in left.data]

    async def test_a_dropped_one_can_be_listed(self, sandbox: Served, receiver: Receiver) -> None:
        await self.registered(sandbox, receiver, "payment_intent.created")
        await sandbox.rule({"type": "drop"}, api="stripe.webhooks", pathRegex="created$")
        lost = await opened(sandbox)
        await opened(sandbox)
        body, _ = await receiver.next()
        assert json.loads(body)["data"]["object"]["id"] != lost.id
        listed: Any = await sandbox.client.v1.events.list_async(
            {"delivery_success": False, "types": ["payment_intent.created"]}
        )
        assert lost.id in [each.data.object.id for each in listed.data]
        journal = await sandbox.control("GET", "journal")
        assert [each["action"] for each in journal["data"]] == ["drop"]

    async def test_a_doubled_one_and_one_out_of_order(
        self, sandbox: Served, receiver: Receiver
    ) -> None:
        await self.registered(
            sandbox, receiver, "payment_intent.created", "payment_intent.canceled"
        )
        await sandbox.rule({"type": "reorder"}, api="stripe.webhooks")
        await sandbox.rule({"type": "duplicate", "n": 2}, api="stripe.webhooks", nth=2)
        intent = await opened(sandbox)
        await sandbox.client.v1.payment_intents.cancel_async(intent.id)
        assert {await receiver.next_type() for _ in range(3)} == {"payment_intent.canceled"}
        sandbox.later(50)
        assert await receiver.next_type() == "payment_intent.created"

    async def test_a_delayed_one(self, sandbox: Served, receiver: Receiver) -> None:
        await self.registered(sandbox, receiver, "payment_intent.created")
        await sandbox.rule({"type": "delay", "ms": 60_000}, api="stripe.webhooks")
        late, early = await opened(sandbox), await opened(sandbox)
        assert json.loads((await receiver.next())[0])["data"]["object"]["id"] == early.id
        sandbox.later(60_000)
        assert json.loads((await receiver.next())[0])["data"]["object"]["id"] == late.id

    @pytest.mark.parametrize(
        ("action", "is_good"),
        [
            ({"type": "old_timestamp", "seconds": 302}, False),
            ({"type": "old_timestamp", "seconds": 280}, True),
            ({"type": "bad_signature"}, False),
            ({"type": "two_secrets"}, True),
        ],
    )
    async def test_signatures_that_are_odd(
        self, real_time: Served, receiver: Receiver, action: dict[str, Any], is_good: bool
    ) -> None:
        sandbox = real_time
        secret = await self.registered(sandbox, receiver, "payment_intent.created")
        await sandbox.rule(action, api="stripe.webhooks")
        receiver.answers.append(200 if is_good else 400)
        await opened(sandbox)
        body, signature = await receiver.next()
        if is_good:
            sandbox.client.construct_event(body, signature, secret)
            assert signature.count("v1=") == (2 if action["type"] == "two_secrets" else 1)
            return
        with pytest.raises(stripe.SignatureVerificationError):
            sandbox.client.construct_event(body, signature, secret)
        await sandbox.until_attempt(2)
        sandbox.later(1_000)
        sandbox.client.construct_event(*await receiver.next(), secret)

    async def test_what_was_not_sent_is_sent_after_a_restart(self, receiver: Receiver) -> None:
        async with served() as before:
            await self.registered(before, receiver, "payment_intent.created")
            await before.rule({"type": "delay", "ms": 60_000}, api="stripe.webhooks")
            intent = await opened(before)
        async with served(stage=before.stage) as after:
            after.later(60_000)
            assert json.loads((await receiver.next())[0])["data"]["object"]["id"] == intent.id

    async def test_only_this_machine_is_sent_to(self, sandbox: Served) -> None:
        for url in ("http://example.test/", "https://127.0.0.1/", "http://127.0.0.1.example.test"):
            with pytest.raises(stripe.InvalidRequestError) as raised:
                await sandbox.client.v1.webhook_endpoints.create_async(
                    {"url": url, "enabled_events": ["*"]}
                )
            assert raised.value.code == "url_invalid"

    async def test_endpoints_are_changed_listed_and_deleted(self, sandbox: Served) -> None:
        endpoints = sandbox.client.v1.webhook_endpoints
        made = await endpoints.create_async(
            {"url": "http://127.0.0.1:9/", "enabled_events": ["charge.failed"]}
        )
        await endpoints.update_async(made.id, {"disabled": True})
        assert [each.status for each in (await endpoints.list_async({})).data] == ["disabled"]
        assert (await endpoints.delete_async(made.id)).deleted
        assert not (await endpoints.list_async({})).data
