"""Cada línea del registro es JSON y lleva el número de la petición."""

import contextvars
import json
import logging
import uuid

numero = contextvars.ContextVar("numero", default="-")


class NumeroDePeticion:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        numero.set(request.headers.get("X-Request-ID") or uuid.uuid4().hex[:12])
        response = self.get_response(request)
        response["X-Request-ID"] = numero.get()
        logging.getLogger("web").info(
            "%s %s %s", request.method, request.path, response.status_code
        )
        return response


class Json(logging.Formatter):
    def format(self, record):
        linea = {
            "hora": self.formatTime(record),
            "nivel": record.levelname,
            "peticion": numero.get(),
            "mensaje": record.getMessage(),
        }
        if record.exc_info:
            linea["error"] = repr(record.exc_info[1])
        return json.dumps(linea, ensure_ascii=False)
