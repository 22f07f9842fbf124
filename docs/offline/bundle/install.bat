@echo off
setlocal
rem Installs riskclf for the current user, without internet and without administrator rights.
chcp 65001 >nul
set "PYTHONUTF8=1"
pushd "%~dp0"
set /p VERSION=<python-version.txt
py -%VERSION% -c "" >nul 2>nul
if errorlevel 1 (
  type no-python.txt
  pause
  exit /b 2
)
py -%VERSION% install.py
set "STATUS=%ERRORLEVEL%"
popd
pause
exit /b %STATUS%
