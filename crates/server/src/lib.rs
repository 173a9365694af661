//! HTTP: webhooks, API, pages, live stream. Imports domain and engine only.
