"""Finds the stock location and the sales channel that a shop owner named."""

from dataclasses import dataclass

from awin_medusa_pipeline.medusa.client import MedusaClient


@dataclass(frozen=True)
class Places:
    """What the settings name; None: the first one."""

    stock_location: str | None = None
    """Whose levels are kept."""
    sales_channel: str | None = None
    """Of new products; what its other locations hold can be bought too."""

    def find(self, client: MedusaClient) -> tuple[str, dict[str, str]]:
        """Id of the stock location, and names by id of the others that the channel sells from."""
        location = client.stock_location_id(self.stock_location)
        others = client.selling_locations(client.sales_channel_id(self.sales_channel))
        others.pop(location, None)
        return location, others
