"""The pages, each a class with the interface of `dashboard.pages.page`."""
