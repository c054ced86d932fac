"""Todo lo que cambia de un sitio a otro viene del entorno; nada secreto está escrito aquí."""

import os
from datetime import timedelta
from pathlib import Path

LUGAR = Path(os.environ["lugar"])


def ajuste(nombre, si_no):
    """El archivo manda sobre el entorno: así una recarga del servidor web basta para cambiarlo."""
    archivo = LUGAR / "prestamos.env"
    if archivo.exists():
        for linea in archivo.read_text().splitlines():
            if linea.startswith(nombre + "="):
                return linea.partition("=")[2]
    return os.environ.get(nombre, si_no)


SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]
DEBUG = ajuste("DEBUG", "0") == "1"
ALLOWED_HOSTS = ajuste("ANFITRIONES", "127.0.0.1,localhost").split(",")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "prestamos",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "prestamos.registro.NumeroDePeticion",
    "django.middleware.common.CommonMiddleware",
]
ROOT_URLCONF = "sistema.urls"
WSGI_APPLICATION = "sistema.wsgi.application"
TIME_ZONE = "UTC"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# HTTPS termina en el proxy; detrás de él se habla HTTP.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = int(ajuste("HSTS_SEGUNDOS", "0"))

# MYSQL_NAME manda; sin ella, SQLite.
if os.environ.get("MYSQL_NAME"):
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.mysql",
            "NAME": os.environ["MYSQL_NAME"],
            "USER": os.environ["MYSQL_USER"],
            "PASSWORD": os.environ["MYSQL_PASSWORD"],
            "HOST": "127.0.0.1",
            "PORT": os.environ["puerto_db"],
            "OPTIONS": {
                "charset": "utf8mb4",
                "connect_timeout": 3,
                "init_command": "SET sql_mode='STRICT_TRANS_TABLES'",
            },
        }
    }
else:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": LUGAR / "db.sqlite3"}}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework_simplejwt.authentication.JWTAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
SIMPLE_JWT = {"ACCESS_TOKEN_LIFETIME": timedelta(minutes=30)}
# Cuántas peticiones de token por dirección, y en cuántos segundos.
TASA_TOKEN = ajuste("TASA_TOKEN", "10/60")

CELERY_BROKER_URL = f"redis://127.0.0.1:{os.environ.get('puerto_redis', '6379')}/0"
# Sin corredor (el desarrollo con SQLite) la tarea se hace en la misma petición.
CELERY_TASK_ALWAYS_EAGER = os.environ.get("SIN_CORREDOR") == "1"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "max_retries": 0}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "prestamos.registro.Json"}},
    "handlers": {"salida": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["salida"], "level": "INFO"},
}
