"""What `panel serve dashboard` runs in every session; `DASHBOARD_PARAMS` names the params.yaml."""

from dashboard.app import extend, page
from dashboard.services import shared_services

extend()
page(shared_services()).servable()
