import redis
from django.conf import settings
from django.db import connection, transaction
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.views import TokenObtainPairView

from .limite import LimiteDeToken
from .models import Auditoria, Prestamo
from .registro import numero as peticion
from .tasks import evaluar


class Token(TokenObtainPairView):
    throttle_classes = [LimiteDeToken]


class Inicio(APIView):
    permission_classes = [AllowAny]
    authentication_classes = []

    def get(self, request):
        return Response({"api": "prestamos"})


class Salud(APIView):
    """Lo que de verdad hace falta: la base de datos y el corredor de tareas."""

    permission_classes = [AllowAny]
    authentication_classes = []

    def get(self, request):
        partes = {"base": self.base(), "corredor": self.corredor()}
        bien = all(it == "ok" for it in partes.values())
        estado = "ok" if bien else "mal"
        partes["tasa"] = settings.TASA_TOKEN
        return Response({"estado": estado, **partes}, status=200 if bien else 503)

    def base(self):
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            return "ok"
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    def corredor(self):
        if settings.CELERY_TASK_ALWAYS_EAGER:
            return "ok"
        try:
            redis.from_url(settings.CELERY_BROKER_URL, socket_connect_timeout=2).ping()
            return "ok"
        except redis.RedisError as error:
            return f"{type(error).__name__}: {error}"


class Solicitud(serializers.Serializer):
    monto = serializers.DecimalField(max_digits=12, decimal_places=2, min_value=1)
    meses = serializers.IntegerField(min_value=1, max_value=360)


def como_json(it):
    return {"id": str(it.id), "monto": str(it.monto), "meses": it.meses, "estado": it.estado}


class Prestamos(APIView):
    def get(self, request):
        propios = Prestamo.objects.filter(cliente=request.user).order_by("creado")
        return Response([como_json(it) for it in propios])

    def post(self, request):
        solicitud = Solicitud(data=request.data)
        solicitud.is_valid(raise_exception=True)
        datos = solicitud.validated_data
        with transaction.atomic():
            # El cliente es el cerrojo: dos peticiones iguales a la vez no pasan las dos.
            type(request.user).objects.select_for_update().get(pk=request.user.pk)
            iguales = Prestamo.objects.filter(
                cliente=request.user, estado__in=Prestamo.ABIERTOS, **datos
            )
            if iguales.exists():
                return Response({"detalle": "ya hay una solicitud igual abierta"}, status=409)
            nuevo = Prestamo.objects.create(cliente=request.user, **datos)
            Auditoria.objects.create(
                evento="PRESTAMO_CREADO",
                prestamo=nuevo,
                usuario=request.user.username,
                peticion=peticion.get(),
            )
        # La fila ya está; si el corredor no contesta, queda PENDIENTE y sin quien la evalúe.
        evaluar.delay(str(nuevo.id))
        nuevo.refresh_from_db()
        return Response(como_json(nuevo), status=201)


class UnPrestamo(APIView):
    def get(self, request, numero):
        it = Prestamo.objects.filter(cliente=request.user, id=numero).first()
        if it is None:
            return Response({"detalle": "no existe"}, status=404)
        return Response(como_json(it))
