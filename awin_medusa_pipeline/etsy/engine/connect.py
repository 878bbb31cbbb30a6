"""Connects an Etsy shop: asks its owner for consent, and stores the shop with its tokens."""

from collections.abc import Callable

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.etsy.client.callback import ConsentCallback
from awin_medusa_pipeline.etsy.client.oauth import Consent, consent_address, exchange
from awin_medusa_pipeline.etsy.domain.config import EtsyAccountConfig
from awin_medusa_pipeline.etsy.domain.tokens import TokenPair
from awin_medusa_pipeline.etsy.engine.choices import ShopChoices
from awin_medusa_pipeline.etsy.engine.state import EtsyState
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount

CONSENT_SECONDS = 300.0


def ask_consent(
    etsy: EtsyState, consent: Consent, show: Callable[[str], None], *, seconds: float = CONSENT_SECONDS
) -> TokenPair:
    """Ask the owner at the address that is passed to `show`, and wait for the answer. Raises PipelineError."""
    # A missing key fails here, rather than after a consent whose tokens could not be stored.
    etsy.cipher.encrypt("")
    oauth = etsy.oauth
    with ConsentCallback(oauth.redirect_uri, consent) as callback:
        show(consent_address(oauth, consent))
        return exchange(oauth, callback.code(seconds), consent)


def store_shop(etsy: EtsyState, pair: TokenPair, consent: Consent) -> tuple[EtsyAccount, ShopChoices]:
    """Store the shop that the tokens open, and read its choices; a shop connected before keeps its settings."""
    with etsy.first_client(pair.access_token) as client:
        shop_id = client.me().shop_id
        if shop_id is None:
            raise PermanentError(
                "Connecting the Etsy shop",
                "the account that agreed has no shop",
                "Log in at Etsy with the account that the shop belongs to, and connect again.",
            )
        client.shop_id = shop_id
        shop = client.shop()
        before = {account.shop_id: account.api_config for account in etsy.accounts.all()}
        # Stored before the choices are read: a fault there must not cost the owner another consent.
        account = etsy.accounts.connect(
            shop_id=shop_id,
            shop_name=shop.shop_name,
            currency=shop.currency_code,
            pair=pair,
            config=before.get(shop_id, EtsyAccountConfig()),
            scopes=consent.scopes,
        )
        if consent.with_sales and etsy.rules.import_sales:
            etsy.sold.begin(account.id)
        return account, ShopChoices.read(client, shop=shop, categories=True)
