"""Serving: a policy as an OpenAI-compatible endpoint that draws, vets, selects or abstains."""

from vervet.serving.accounts import Account, Accounts, one_key, read_accounts
from vervet.serving.gateway import Gateway, Limits
from vervet.serving.ledger import Ledger
from vervet.serving.menu import Menu
from vervet.serving.server import Service, application, serve, start, stop
from vervet.serving.upstream import Endpoint, Model, Plain, model_of

__all__ = [
    "Account", "Accounts", "Endpoint", "Gateway", "Ledger", "Limits", "Menu", "Model", "Plain",
    "Service", "application", "model_of", "one_key", "read_accounts", "serve", "start", "stop",
]  # fmt: skip
