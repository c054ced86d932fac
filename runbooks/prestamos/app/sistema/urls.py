from django.urls import path
from prestamos import views

urlpatterns = [
    path("api/", views.Inicio.as_view()),
    path("api/salud/", views.Salud.as_view()),
    path("api/auth/token/", views.Token.as_view()),
    path("api/prestamos/", views.Prestamos.as_view()),
    path("api/prestamos/<uuid:numero>/", views.UnPrestamo.as_view()),
]
