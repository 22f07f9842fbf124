@echo off
setlocal
rem Labels a file of posts: drag the file onto this one, or start it and type the name.
rem It may be copied anywhere, such as to the desktop.
chcp 65001 >nul
set "RISKCLF=%LOCALAPPDATA%\riskclf"
if not exist "%RISKCLF%\start.py" (
  echo riskclf is not installed: run install.bat first.
  if exist "%~dp0not-installed.txt" type "%~dp0not-installed.txt"
  pause
  exit /b 2
)
"%RISKCLF%\environment\Scripts\python.exe" -I -X utf8 "%RISKCLF%\start.py" %*
set "STATUS=%ERRORLEVEL%"
pause
exit /b %STATUS%
