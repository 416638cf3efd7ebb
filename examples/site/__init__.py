"""A site of HTML pages with accounts, second factors and API tokens; mail is printed."""
