"""What `panel serve dashboard` runs in every session; `DASHBOARD_PARAMS` names the params.yaml."""

from dashboard.server.app import extend, page
from dashboard.server.services import shared_services

extend()
page(shared_services()).servable()
